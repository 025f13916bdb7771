/dev/fd/3: line 65: a: command not found
