// What the admin listener answers, as JSON.
#pragma once

#include <string>
#include <vector>

#include "box/box_figures.h"
#include "box/invocation_list.h"
#include "catalog/catalog.h"

namespace wasabi::box {

std::string loadJson(const BoxFigures& figures);
std::string functionsJson(const catalog::Catalog& catalog);
// What is refused, of the configuration first, and how many functions there are: those of a large catalog are many.
std::string reloadJson(const catalog::Catalog& catalog, const std::vector<catalog::CatalogProblem>& config_problems);
std::string invocationsJson(const InvocationList& list);

}  // namespace wasabi::box
