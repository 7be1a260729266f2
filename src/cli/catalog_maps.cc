#include "cli/catalog_maps.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <utility>

#include "base/utf8.h"
#include "catalog/catalog_scanner.h"

namespace wasabi::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostKeyBytes = 253;
constexpr std::size_t kMostFiles = 10'000;

bool isKeyCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

// What YAML and the API take as a string as it is.
bool isPlainText(std::string_view content) {
  const auto is_control = [](char c) { return (c >= 0 && c < ' ' && c != '\n' && c != '\t') || c == '\x7f'; };
  return isUtf8(content) && std::ranges::none_of(content, is_control);
}

std::size_t sizeOf(const MapEntry& entry) {
  const std::size_t content = entry.is_text ? entry.content.size() : (entry.content.size() + 2) / 3 * 4;
  return entry.key.size() + content;
}

Result<void> checkManifests(const std::string& directory) {
  catalog::CatalogTerms terms;
  terms.reader = catalog::CatalogTerms::Reader::kBuilder;
  catalog::CatalogScanner scanner(directory, terms);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  auto scanned = scanner.scan(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count(),
                              catalog::CatalogScanner::Haste::kTakeAll);
  if (!scanned) return fail(std::move(scanned).error());
  const catalog::Catalog found(scanner.functions(), scanner.problems());
  std::string text;
  for (const catalog::CatalogProblem& problem : found.problems()) {
    if (!text.empty()) text += '\n';
    text += problem.file + (problem.line > 0 ? ":" + std::to_string(problem.line) : "") + ": " + problem.reason;
  }
  if (!text.empty()) return fail(ErrorCode::kInvalid, std::move(text));
  if (found.functions().empty())
    return fail(ErrorCode::kInvalid, directory + " holds no functions: no <tenant>/<function>.toml");
  return {};
}

Result<std::string> contentOf(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::string content((std::istreambuf_iterator<char>(stream)), {});
  if (!stream) return fail(ErrorCode::kIo, "cannot read " + file.string());
  return content;
}

}  // namespace

std::string mapKeyOf(std::string_view path) {
  std::string key(path.substr(0, kMostKeyBytes));
  std::ranges::replace_if(key, [](char c) { return !isKeyCharacter(c); }, '_');
  return key;
}

Result<std::vector<CatalogFile>> readCatalogFolder(const std::string& directory) {
  const std::string root = fs::absolute(directory).lexically_normal().string();
  if (auto checked = checkManifests(root); !checked) return fail(std::move(checked).error());
  std::vector<CatalogFile> files;
  std::error_code error;
  for (auto at = fs::recursive_directory_iterator(root, error); !error && at != fs::recursive_directory_iterator();
       at.increment(error)) {
    if (at->path().filename().string().starts_with('.')) {
      if (at->is_directory()) at.disable_recursion_pending();
      continue;
    }
    if (!at->is_regular_file() || at.depth() == 0) continue;
    if (files.size() == kMostFiles) {
      return fail(ErrorCode::kExhausted,
                  fmt::format("{} has more than {} files: fewer `files`", directory, kMostFiles));
    }
    auto content = contentOf(at->path());
    if (!content) return fail(std::move(content).error());
    files.push_back({fs::relative(at->path(), root).generic_string(), std::move(*content)});
  }
  if (error) return fail(Error::fromErrno(directory, error.value()));
  std::ranges::sort(files, {}, &CatalogFile::path);
  return files;
}

Result<std::vector<CatalogMap>> packIntoMaps(const std::vector<CatalogFile>& files, std::string_view name) {
  std::vector<CatalogMap> maps;
  std::set<std::string> keys;
  std::size_t filled = 0;
  for (const CatalogFile& file : files) {
    MapEntry entry{mapKeyOf(file.path), file.path, file.content, isPlainText(file.content)};
    // Two paths can have one key; in maps of their own they would be apart, but which map a file comes to may change.
    for (int more = 2; !keys.insert(entry.key).second; ++more) {
      const std::string end = "-" + std::to_string(more);
      entry.key = mapKeyOf(file.path).substr(0, kMostKeyBytes - end.size()) + end;
    }
    const std::size_t size = sizeOf(entry);
    if (size > kMostMapBytes.value) {
      return fail(
          ErrorCode::kExhausted,
          fmt::format("{} has {} bytes, and a ConfigMap takes {}: push the module to a registry (wasabi push) and "
                      "name it by oci://",
                      file.path, file.content.size(), toString(kMostMapBytes)));
    }
    if (maps.empty() || filled + size > kMostMapBytes.value) {
      if (maps.size() == kMostMaps) {
        return fail(ErrorCode::kExhausted,
                    fmt::format("the catalog needs more than {} ConfigMaps: push modules to a registry", kMostMaps));
      }
      maps.push_back({fmt::format("{}-{}", name, maps.size()), {}});
      filled = 0;
    }
    filled += size;
    maps.back().entries.push_back(std::move(entry));
  }
  return maps;
}

}  // namespace wasabi::cli
