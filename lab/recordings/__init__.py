"""Real faults, recorded once and replayed for ever.

stage       a cluster with clients, and an API server where one is wanted
mishaps     what befalls it; by pressure, what clients do to it; by chores, what operators do in an ordinary week
scenarios   the table of what is recorded
record      tells the stories and keeps what the check was answered: a command
recording   what is kept, in a file; by columns, which make it small
replay      plays it to the real check
matrix      what each monitor says meanwhile: a command
mutants     monitors with a slip of the hand, which must show
"""
