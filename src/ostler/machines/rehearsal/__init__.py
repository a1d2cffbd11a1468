"""The real files, and everything that is changed kept aside."""
