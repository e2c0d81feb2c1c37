"""What every HTML page is built with: one head, one policy, one set of colours and fonts, one renderer."""
