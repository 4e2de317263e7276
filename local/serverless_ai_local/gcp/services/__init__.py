"""Google's services as far as functions call them: fakes that speak the wire of the calls we make."""
