#include "http/high.h"

#include "base/low.h"

int high() { return low() + 1; }
