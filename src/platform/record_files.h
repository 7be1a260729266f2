// Where records lie on disk, and in which order they are written, so that every moment of it is a good one to lose
// power. Private to records.cc.
#pragma once

#include <string>
#include <vector>

#include "platform/disk.h"
#include "platform/records.h"
#include "platform/retired_numbers.h"
#include "platform/version_file.h"

namespace wasabi::platform {

class RecordFiles {
 public:
  RecordFiles(Disk& disk, std::string directory) : disk_(disk), directory_(std::move(directory)) {}

  struct Tenant {
    TenantRecordPtr tenant;
    std::vector<FunctionRecordPtr> functions;
  };
  // All that can be read; the rest is told in `problems`.
  Result<std::vector<Tenant>> readAll(std::vector<RecordProblem>& problems);
  Result<RetiredNumbers> readRetired();

  Result<void> writeTenant(const TenantRecord& tenant);
  Result<void> writeRetired(const RetiredNumbers& retired);
  Result<void> removeTenant(const std::string& name);

  // The version first: it counts from the moment that the record names it.
  Result<void> writeVersion(const FunctionName& name, const VersionFile& file);
  Result<void> writeFunction(const FunctionRecord& record);
  // After the record that no longer names it. What is left of it is removed with the next start.
  void removeVersion(const VersionName& version);
  Result<void> removeFunction(const FunctionName& name);

  Result<std::string> manifestText(const VersionName& version);

 private:
  void readFunctions(const std::string& tenant, std::vector<FunctionRecordPtr>& found,
                     std::vector<RecordProblem>& problems);
  Result<FunctionRecordPtr> readFunction(const FunctionName& name);
  void dropUnnamedVersions(const FunctionRecord& record);

  Disk& disk_;
  std::string directory_;
  std::uint64_t trash_ = 0;
};

}  // namespace wasabi::platform
