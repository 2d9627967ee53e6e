"""Where pixels come from: a file per kind of source.

A source is a description, not a reader: it says which band stands in which file (`Scene`). The stack opens
those files, brings them to the mapping grid and reads them window by window, the same way for every source.
"""
