#include "cli/manifest_edit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <string_view>

#include "base/text.h"
#include "catalog/toml_library.h"

namespace wasabi::cli {
namespace {

std::string quoted(std::string_view value) {
  std::string text = "\"";
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      text += {'\\', c};
    } else if (byte < 0x20 || byte == 0x7f) {
      text += fmt::format("\\u{:04x}", byte);
    } else {
      text += c;
    }
  }
  return text + "\"";
}

bool isName(std::string_view text) {
  const auto fits = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  return !text.empty() && std::ranges::all_of(text, fits);
}

// Where the line that follows line `number` (from 1) begins.
std::size_t endOfLine(std::string_view text, std::uint32_t number) {
  std::size_t at = 0;
  for (; number > 0 && at != std::string_view::npos; --number) {
    at = text.find('\n', at);
    if (at != std::string_view::npos) ++at;
  }
  return std::min(at, text.size());
}

}  // namespace

Result<std::string> withEnvironment(std::string manifest, const std::vector<std::string>& settings) {
  if (settings.empty()) return manifest;
  const toml::parse_result parsed = toml::parse(manifest);
  if (!parsed) {
    return fail(ErrorCode::kInvalid,
                fmt::format("manifest, line {}: {}", parsed.error().source().begin.line, parsed.error().description()));
  }
  const toml::table* table = parsed.table()["env"].as_table();
  std::string added;
  for (const std::string& setting : settings) {
    const std::size_t equals = setting.find('=');
    const std::string name = setting.substr(0, equals);
    if (equals == std::string::npos || !isName(name)) {
      return fail(ErrorCode::kInvalid, fmt::format("--env {}: write NAME=VALUE", setting));
    }
    if ((table != nullptr && table->contains(name)) || added.find("\n" + name + " = ") != std::string::npos) {
      return fail(ErrorCode::kInvalid, fmt::format("--env {}: {} has a value already", setting, name));
    }
    added += fmt::format("\n{} = {}", name, quoted(std::string_view(setting).substr(equals + 1)));
  }
  if (table == nullptr) return manifest + "\n[env]" + added + "\n";
  const std::uint32_t line = table->source().begin.line;
  const std::size_t begin = line == 0 ? 0 : endOfLine(manifest, line - 1);
  const std::size_t end = endOfLine(manifest, line);
  const std::string_view header = trim(std::string_view(manifest).substr(begin, end - begin));
  if (!header.starts_with("[env]")) {
    return fail(ErrorCode::kInvalid, "--env needs a table written as [env] in the manifest, or none");
  }
  const bool is_last = end == 0 || manifest[end - 1] != '\n';
  return manifest.substr(0, end) + (is_last ? added : added.substr(1)) + "\n" + manifest.substr(end);
}

}  // namespace wasabi::cli
