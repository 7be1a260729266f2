#include "catalog/platform_settings.h"

namespace wasabi::catalog {

std::string_view nameOf(Visibility visibility) {
  switch (visibility) {
    case Visibility::kPublic:
      return "public";
    case Visibility::kToken:
      return "token";
    case Visibility::kTenant:
      return "tenant";
  }
  return "tenant";
}

std::optional<Visibility> parseVisibility(std::string_view text) {
  for (const Visibility one : {Visibility::kPublic, Visibility::kToken, Visibility::kTenant}) {
    if (text == nameOf(one)) return one;
  }
  return std::nullopt;
}

std::string_view nameOf(Isolation isolation) {
  return isolation == Isolation::kDedicated ? "dedicated" : "shared";
}

std::optional<Isolation> parseIsolation(std::string_view text) {
  for (const Isolation one : {Isolation::kShared, Isolation::kDedicated}) {
    if (text == nameOf(one)) return one;
  }
  return std::nullopt;
}

}  // namespace wasabi::catalog
