// What a catalog directory holds, kept up to date by reading again only what has changed.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/file_descriptor.h"
#include "catalog/manifest_reader.h"

namespace wasabi::catalog {

inline constexpr std::size_t kMaxFunctions = 100'000;

// Not thread-safe.
class CatalogScanner {
 public:
  // `directory` is absolute.
  explicit CatalogScanner(std::string directory, const CatalogTerms& terms = {})
      : directory_(std::move(directory)), names_(terms.names), reader_(directory_, terms) {}

  // At the first reading, and when somebody asks for one, everything is taken as it is; else a file that was written a
  // moment ago is left until its writer has had the time to finish.
  enum class Haste : std::uint8_t { kTakeAll, kLeaveUnsettled };

  struct Outcome {
    bool changed = false;
    std::optional<Duration> scan_again_in;
  };
  // `unix_now` is the wall clock, in nanoseconds: the one that files are stamped with. An error if the directory
  // itself cannot be read: then nothing changes.
  Result<Outcome> scan(std::int64_t unix_now, Haste haste);

  std::vector<FunctionPtr> functions() const;
  std::vector<CatalogProblem> problems() const;
  // The folders (absolute) whose entries decide what a scan finds.
  std::set<std::string> directories() const;

 private:
  struct Entry {
    FileStamp stamp;
    std::vector<Dependency> dependencies;
    FunctionPtr function;  // the last good version
    std::vector<CatalogProblem> problems;
    bool seen = false;
  };
  struct Scan;

  void scanTenant(Scan& scan, const std::string& tenant);
  void scanManifest(Scan& scan, const FunctionName& name);
  bool isUnchanged(const Scan& scan, const Entry& entry, const FileStamp& stamp) const;
  void keepTenant(const std::string& tenant);
  void accept(Scan& scan, const FunctionName& name, const FileStamp& stamp, ReadFunction read);
  void removeUnseen(Scan& scan);

  bool isFunction(std::string_view text) const;

  std::string directory_;
  NameForm names_;
  ManifestReader reader_;
  std::map<FunctionName, Entry> entries_;
  std::set<std::string> tenants_;
  std::vector<CatalogProblem> folder_problems_;
};

}  // namespace wasabi::catalog
