"""`python -m walflow`: the same as the `walflow` script, where no script was installed."""

from walflow.cli.app import main

if __name__ == "__main__":
    main()
