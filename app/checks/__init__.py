"""What `flask doctor` looks at, a short function for each: it returns what is so, in a few words.

Any exception is a finding, and its first line is printed; WrongInProduction is one in production
alone. A function takes the Runtime, waits for nobody longer than its limit, and shows no secret.
To add one: the function in the file it belongs to, and a line of `all.CHECKS`.
"""
