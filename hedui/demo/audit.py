"""The demonstration's audit: an auditor's own processes verify what everybody did.

Knows which commands the parties and the auditor run, and which exchanges are the demonstration's
own attacks. The auditor is given public keys and files, and nothing else. Does not verify anything
itself.
"""
