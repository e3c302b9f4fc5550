"""The atlas: the exponents of all experiments, and published ones, side by side.

`rows` reads them from results folders, `published` from tables, `pooling` asks whether those that
were registered could be one number, `forest` draws them and `page` shows them.
"""
