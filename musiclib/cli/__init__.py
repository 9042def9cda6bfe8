"""The ``musiclib`` command: one module for each group of subcommands.

Every module offers ``add_parser(subparsers)``, which adds its subcommands and gives each one
``set_defaults(run=function)``; the function takes the parsed arguments and returns the exit code.
Modules import heavy libraries inside those functions, so that ``musiclib --help`` stays fast.
"""
