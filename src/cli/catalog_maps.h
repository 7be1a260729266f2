// A catalog folder as ConfigMaps. Their keys have no folders, so each key is mapped to a path where they are mounted
// (`items` of a projected volume).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/units.h"

namespace wasabi::cli {

// Of its contents as the API has them, base64 of binary files included. The API takes 1 MiB, keys and all.
inline constexpr ByteSize kMostMapBytes{900ull << 10};
inline constexpr std::size_t kMostMaps = 64;

struct CatalogFile {
  std::string path;  // in the catalog: "acme/hello.toml"
  std::string content;
};

struct MapEntry {
  std::string key;
  std::string path;
  std::string content;
  bool is_text = true;  // UTF-8 without control characters; else it goes as base64
};

struct CatalogMap {
  std::string name;
  std::vector<MapEntry> entries;
};

// What tenants and `modules` have in the folder, sorted by path; names that begin with a dot are nobody's. kInvalid
// says what a box would refuse: all that is wrong with its manifests, one line each.
Result<std::vector<CatalogFile>> readCatalogFolder(const std::string& directory);

// Into as many maps as are needed: "<name>-0", "<name>-1", ... The same files make the same maps. kExhausted for a file
// that fits into none.
Result<std::vector<CatalogMap>> packIntoMaps(const std::vector<CatalogFile>& files, std::string_view name);

// The key of a path: what a key may not have is '_'. Not unique.
std::string mapKeyOf(std::string_view path);

}  // namespace wasabi::cli
