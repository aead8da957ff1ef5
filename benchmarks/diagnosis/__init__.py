"""The question: does a diagnosis name the known cause of a failure, without accusing healthy runs?"""
