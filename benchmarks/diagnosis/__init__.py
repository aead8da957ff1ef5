"""The question: does a diagnosis name the cause of a failure that is known, and leave healthy runs alone?"""
