"""Answer many texts in order, without HTTP."""
