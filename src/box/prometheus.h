// The figures of a box as Prometheus text (exposition format 0.0.4).
#pragma once

#include <string>

#include "box/box_figures.h"

namespace wasabi::box {

std::string prometheusText(const BoxFigures& figures);

}  // namespace wasabi::box
