"""`walflow doctor`: what is wrong with this machine, and with settings of the servers that run."""
