"""The question: can faults while a run is trained, stored or read cause lost, mixed or wrong results?"""
