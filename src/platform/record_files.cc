#include "platform/record_files.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "platform/record_text.h"

namespace wasabi::platform {
namespace {

constexpr std::string_view kJson = ".json";
constexpr const char* kRetiredFile = "retired.json";
constexpr unsigned kFileMode = 0600;
constexpr unsigned kFolderMode = 0700;
// A manifest twice, and what stands beside it.
constexpr std::size_t kMaxVersionBytes = 1 << 20;

std::string tenantFile(const std::string& name) {
  return fmt::format("tenants/{}.json", name);
}
std::string folderOfTenant(const std::string& name) {
  return fmt::format("functions/{}", name);
}
std::string folderOfFunction(const FunctionName& name) {
  return fmt::format("functions/{}", name.toString());
}
std::string recordFile(const FunctionName& name) {
  return folderOfFunction(name) + "/record.json";
}
std::string versionFile(const FunctionName& name, std::uint32_t number) {
  return fmt::format("{}/versions/{}.json", folderOfFunction(name), number);
}

bool isMissing(const Error& error) {
  return error.code() == ErrorCode::kNotFound;
}

// The number in "<n>.json".
std::optional<std::uint32_t> numberOf(std::string_view file) {
  if (!file.ends_with(kJson)) return std::nullopt;
  return parseDecimal<std::uint32_t>(file.substr(0, file.size() - kJson.size()));
}

}  // namespace

Result<std::vector<RecordFiles::Tenant>> RecordFiles::readAll(std::vector<RecordProblem>& problems) {
  auto files = disk_.list("tenants");
  if (!files) return fail(std::move(files).error());
  auto folders = disk_.list("functions");
  if (!folders) return fail(std::move(folders).error());
  std::vector<Tenant> tenants;
  std::vector<std::string> known;
  for (const DiskEntry& entry : *files) {
    if (entry.is_folder || !entry.name.ends_with(kJson)) continue;
    const std::string name = entry.name.substr(0, entry.name.size() - kJson.size());
    known.push_back(name);
    auto text = disk_.read(tenantFile(name), kMaxRecordBytes);
    auto tenant = text ? decodeTenant(*text, name) : fail(std::move(text).error());
    if (!tenant) {
      problems.push_back({tenantFile(name), tenant.error().message()});
      continue;
    }
    tenants.push_back({std::make_shared<const TenantRecord>(std::move(*tenant)), {}});
    readFunctions(name, tenants.back().functions, problems);
  }
  for (const DiskEntry& entry : *folders) {
    if (!entry.is_folder || std::ranges::find(known, entry.name) != known.end()) continue;
    // Of a tenant that was deleted: without functions, or it would not have been.
    if (disk_.removeFolder(folderOfTenant(entry.name))) continue;
    problems.push_back(
        {folderOfTenant(entry.name), "there are functions of a tenant that has no " + tenantFile(entry.name)});
  }
  return tenants;
}

void RecordFiles::readFunctions(const std::string& tenant, std::vector<FunctionRecordPtr>& found,
                                std::vector<RecordProblem>& problems) {
  auto folders = disk_.list(folderOfTenant(tenant));
  if (!folders) {
    if (!isMissing(folders.error())) problems.push_back({folderOfTenant(tenant), folders.error().message()});
    return;
  }
  for (const DiskEntry& entry : *folders) {
    if (!entry.is_folder) continue;
    const FunctionName name{tenant, entry.name};
    auto function = readFunction(name);
    if (function) {
      if (*function) found.push_back(std::move(*function));
    } else {
      problems.push_back({recordFile(name), function.error().message()});
    }
  }
}

Result<FunctionRecordPtr> RecordFiles::readFunction(const FunctionName& name) {
  static_cast<void>(disk_.remove(fmt::format("{}/{}record.json", folderOfFunction(name), kUnfinishedPrefix)));
  auto text = disk_.read(recordFile(name), kMaxRecordBytes);
  if (!text && isMissing(text.error())) {
    // Its first version was being deployed, and nobody was told that it is there.
    static_cast<void>(removeTree(disk_, folderOfFunction(name)));
    return FunctionRecordPtr();
  }
  if (!text) return fail(std::move(text).error());
  auto record = decodeFunction(*text, name, [&](std::uint32_t number) -> Result<VersionPtr> {
    auto version_text = disk_.read(versionFile(name, number), kMaxVersionBytes);
    if (!version_text) return fail(std::move(version_text).error());
    auto file = decodeVersion(*version_text, name, directory_);
    if (!file) return fail(std::move(file).error());
    if (file->version.number != number) {
      return fail(ErrorCode::kCorrupt,
                  fmt::format("{} holds version {}", versionFile(name, number), file->version.number));
    }
    return std::make_shared<const Version>(std::move(file->version));
  });
  if (!record) return fail(std::move(record).error());
  dropUnnamedVersions(*record);
  return std::make_shared<const FunctionRecord>(std::move(*record));
}

void RecordFiles::dropUnnamedVersions(const FunctionRecord& record) {
  const std::string folder = folderOfFunction(record.name) + "/versions";
  const auto entries = disk_.list(folder);
  if (!entries) return;
  for (const DiskEntry& entry : *entries) {
    const auto number = numberOf(entry.name);
    if (number && record.find(*number) != nullptr) continue;
    static_cast<void>(disk_.remove(folder + "/" + entry.name));
  }
}

Result<RetiredNumbers> RecordFiles::readRetired() {
  auto text = disk_.read(kRetiredFile, kMaxRecordBytes);
  if (!text && isMissing(text.error())) return RetiredNumbers();
  if (!text) return fail(std::move(text).error());
  return decodeRetired(*text, kRetiredFile);
}

Result<void> RecordFiles::writeTenant(const TenantRecord& tenant) {
  return replaceFile(disk_, tenantFile(tenant.name), encodeTenant(tenant), kFileMode);
}

Result<void> RecordFiles::writeRetired(const RetiredNumbers& retired) {
  return replaceFile(disk_, kRetiredFile, encodeRetired(retired), kFileMode);
}

Result<void> RecordFiles::removeTenant(const std::string& name) {
  if (auto removed = disk_.remove(tenantFile(name)); !removed) return removed;
  auto synced = disk_.syncFolder("tenants");
  static_cast<void>(disk_.removeFolder(folderOfTenant(name)));
  return synced;
}

Result<void> RecordFiles::writeVersion(const FunctionName& name, const VersionFile& file) {
  const std::string folder = folderOfFunction(name);
  for (const std::string& needed : {folderOfTenant(name.tenant), folder, folder + "/versions"}) {
    if (auto made = ensureFolder(disk_, needed, kFolderMode); !made) return made;
  }
  return replaceFile(disk_, versionFile(name, file.version.number), encodeVersion(file), kFileMode);
}

Result<void> RecordFiles::writeFunction(const FunctionRecord& record) {
  return replaceFile(disk_, recordFile(record.name), encodeFunction(record), kFileMode);
}

void RecordFiles::removeVersion(const VersionName& version) {
  static_cast<void>(disk_.remove(versionFile(version.function, version.number)));
}

Result<void> RecordFiles::removeFunction(const FunctionName& name) {
  // Gone at once, whatever it holds; the rest can be interrupted.
  std::string trash;
  do {
    trash = fmt::format("trash/{}", ++trash_);
  } while (disk_.list(trash));
  if (auto moved = disk_.rename(folderOfFunction(name), trash); !moved) return moved;
  if (auto synced = disk_.syncFolder(folderOfTenant(name.tenant)); !synced) {
    static_cast<void>(disk_.rename(trash, folderOfFunction(name)));
    return synced;
  }
  static_cast<void>(removeTree(disk_, trash));
  return {};
}

Result<std::string> RecordFiles::manifestText(const VersionName& version) {
  const std::string path = versionFile(version.function, version.number);
  auto text = disk_.read(path, kMaxVersionBytes);
  if (!text) return fail(std::move(text).error());
  return manifestOfVersion(*text, path);
}

}  // namespace wasabi::platform
