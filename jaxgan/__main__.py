"""`python -m jaxgan`."""

import sys

from jaxgan.cli.app import main

sys.exit(main())
