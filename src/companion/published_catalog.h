// The catalog that the box reads: manifests that name their modules by digest, and copies of functions' files.
//
//   <shared>/catalog/<tenant>/<function>.toml
//   <shared>/catalog/.files/<n>/...                files of one function in one state; never changed
//
// It appears as a whole: until show() it has another name, so a box that waits for it never takes it for empty. What an
// earlier companion left there is taken over. Every manifest appears and is replaced at once.
//
// One owner, one thread at a time. Calls block on the disk.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/function_name.h"
#include "base/units.h"
#include "catalog/manifest_parser.h"
#include "platform/disk.h"

namespace wasabi::companion {

class PublishedCatalog {
 public:
  // What was replaced may still be read by requests that run: longer than any of them may take.
  static constexpr Duration kGrace = std::chrono::hours(1);

  // `shared` is made if absent.
  static Result<PublishedCatalog> open(std::string shared);

  // `files`: a folder to copy, or empty.
  Result<void> put(const FunctionName& name, catalog::Manifest manifest, const std::string& files, TimePoint now);
  Result<void> remove(const FunctionName& name, TimePoint now);
  // Under the name by which the box knows it, from now on.
  Result<void> show();
  bool isShown() const { return is_shown_; }

  std::vector<FunctionName> functions() const;
  // Removes files that were replaced longer than kGrace ago.
  void sweep(TimePoint now);

 private:
  PublishedCatalog(std::string shared, std::unique_ptr<platform::Disk> disk)
      : shared_(std::move(shared)), disk_(std::move(disk)) {}
  // Relative to the shared folder, as the disk has paths.
  std::string directory() const { return is_shown_ ? "catalog" : ".catalog"; }
  std::string manifestPath(const FunctionName& name) const;
  std::string copyPath(const std::string& copy) const;
  Result<void> adopt();
  Result<void> adoptTenant(const std::string& tenant, std::set<std::string>& copies);
  Result<std::string> copyFiles(const std::string& from);
  void retire(const FunctionName& name, TimePoint now);

  std::string shared_;
  std::unique_ptr<platform::Disk> disk_;
  bool is_shown_ = false;
  std::map<FunctionName, std::string> published_;           // with the name of its files' copy, or empty
  std::vector<std::pair<TimePoint, std::string>> retired_;  // oldest first
  std::uint64_t last_copy_ = 0;
};

}  // namespace wasabi::companion
