"""The words everything speaks: plain frozen values, no behaviour."""
