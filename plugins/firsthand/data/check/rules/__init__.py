"""The rules of `data check`; each file looks at one kind of mistake, and only `between_rows` remembers other rows."""
