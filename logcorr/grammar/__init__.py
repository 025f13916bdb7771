"""Pure syntax: text in, small values out; knows neither files nor facts."""
