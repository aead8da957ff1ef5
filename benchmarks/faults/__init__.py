"""The question: is anything of a run lost, mixed or wrong, whatever happens while it is made, kept or read?"""
