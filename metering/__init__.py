"""Pure rules of metering: values and `now` in, values out; anyone may import it, it knows no vendor."""
