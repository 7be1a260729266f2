#include "platform/backup.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>

#include "base/file_descriptor.h"
#include "platform/disk.h"
#include "platform/tree_copy.h"

namespace wasabi::platform {
namespace {

namespace fs = std::filesystem;

struct Part {
  std::string_view name;
  TreeCopy::Names names;
};
// Never changed once they have their name, so their order among themselves does not matter. What tenants and images
// have in their own folders may have any name.
constexpr std::array<Part, 6> kContents = {{{"files", TreeCopy::Names::kAll},
                                            {"layers", TreeCopy::Names::kAll},
                                            {"images", TreeCopy::Names::kFinished},
                                            {"keys", TreeCopy::Names::kFinished},
                                            {"modules", TreeCopy::Names::kFinished},
                                            {"store", TreeCopy::Names::kFinished}}};
// Replaced as a whole, never written in place: a link keeps what it was made of.
constexpr std::array<std::string_view, 6> kState = {"functions", "retired.json", "secrets",
                                                    "tenants",   "tokens.json",  "usage"};
// The last, as in a new data directory.
constexpr std::string_view kFormat = "format";

Result<void> syncAllOf(const std::string& path) {
  const FileDescriptor folder(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid() || syncfs(folder.get()) != 0) return fail(Error::fromErrno("sync " + path, errno));
  return {};
}

// A path that can be none is for the caller to mend.
Error ofTarget(std::string_view what, int reason) {
  const Error error = Error::fromErrno(what, reason);
  const bool is_no_path = reason == ENOTDIR || reason == ENAMETOOLONG || reason == ELOOP;
  return {is_no_path ? ErrorCode::kInvalid : error.code(), error.message()};
}

Result<void> checkTarget(const std::string& from, const std::string& to) {
  std::error_code error;
  if (fs::exists(fs::symlink_status(to, error))) {
    return fail(ErrorCode::kConflict, to + " is there already; name a directory that is not");
  }
  const fs::path parent = fs::canonical(fs::path(to).parent_path(), error);
  if (error) return fail(ofTarget(fs::path(to).parent_path().string(), error.value()));
  if ((parent.string() + "/").starts_with(from + "/")) {
    return fail(ErrorCode::kInvalid, "a backup cannot lie in the data directory itself");
  }
  return {};
}

Result<void> checkContents(const Blobs& blobs, const Version& version) {
  const BlobKind kind = version.isContainer() ? BlobKind::kImage : BlobKind::kModule;
  const bool whole =
      blobs.has(kind, version.content()) && (!version.files || blobs.has(BlobKind::kFiles, *version.files));
  if (whole) return {};
  return fail(ErrorCode::kCorrupt,
              fmt::format("what {}@{} is made of is missing in it", version.name().toString(), version.number));
}

void note(const TreeCopy& copier, BackupReport& report) {
  report.linked = copier.linked();
  report.copied = copier.copied();
  report.copied_bytes = copier.copiedBytes();
}

// Opens the copy as a data directory and looks for all that its records name.
Result<void> verify(const std::string& copy, RecordsConfig config, std::uint64_t functions, BackupReport& report) {
  auto disk = openDisk(copy);
  if (!disk) return fail(std::move(disk).error());
  if (auto ready = prepareDataDirectory(**disk, kDataFormat, {}); !ready) return ready;
  config.directory = copy;
  auto records = Records::open(**disk, std::move(config));
  if (!records) return fail(std::move(records).error());
  if (!(*records)->problems().empty()) {
    const RecordProblem& first = (*records)->problems().front();
    return fail(ErrorCode::kCorrupt, fmt::format("{}: {}", first.file, first.reason));
  }
  if (auto tokens = Tokens::open(**disk); !tokens) return fail(std::move(tokens).error());
  if (auto secrets = Secrets::open(**disk); !secrets) return fail(std::move(secrets).error());
  auto blobs = Blobs::open(copy);
  if (!blobs) return fail(std::move(blobs).error());
  const SnapshotPtr snapshot = (*records)->snapshot();
  for (const TenantRecordPtr& tenant : snapshot->tenants()) {
    for (const FunctionRecordPtr& function : snapshot->functionsOf(tenant->name)) {
      for (const VersionEntry& entry : function->versions) {
        if (auto whole = checkContents(**blobs, *entry.version); !whole) return whole;
        ++report.versions;
      }
    }
  }
  report.functions = snapshot->functionCount();
  if (report.functions == functions) return {};
  return fail(ErrorCode::kCorrupt, fmt::format("it has {} functions instead of {}", report.functions, functions));
}

Result<BackupReport> copyAll(const std::string& from, Records& records, const RecordsConfig& config,
                             const std::string& copy) {
  TreeCopy copier(from, copy);
  for (const Part& part : kContents) {
    if (auto taken = copier.take(part.name, part.names); !taken) return fail(std::move(taken).error());
  }
  std::uint64_t functions = 0;
  auto still = records.whileStill([&](const PlatformSnapshot& snapshot) -> Result<void> {
    functions = snapshot.functionCount();
    // Once more for what came since.
    for (const Part& part : kContents) {
      if (auto taken = copier.take(part.name, part.names); !taken) return taken;
    }
    for (const std::string_view name : kState) {
      if (auto taken = copier.take(name, TreeCopy::Names::kFinished); !taken) return taken;
    }
    return {};
  });
  if (!still) return fail(std::move(still).error());
  for (const fs::directory_entry& entry : fs::directory_iterator(from)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("audit.log")) continue;
    if (auto copied = copier.copyOne(name); !copied) return fail(std::move(copied).error());
  }
  if (auto taken = copier.take(kFormat, TreeCopy::Names::kAll); !taken) return fail(std::move(taken).error());
  BackupReport report;
  note(copier, report);
  if (auto verified = verify(copy, config, functions, report); !verified) return fail(std::move(verified).error());
  if (auto synced = syncAllOf(copy); !synced) return fail(std::move(synced).error());
  return report;
}

}  // namespace

Result<BackupReport> backUp(const std::string& from, Records& records, const RecordsConfig& config,
                            const std::string& to) {
  const std::string target = fs::path(to).lexically_normal().string();
  const std::string path = target.ends_with('/') ? target.substr(0, target.size() - 1) : target;
  if (!path.starts_with('/')) return fail(ErrorCode::kInvalid, "a backup needs an absolute path, not " + path);
  if (auto free = checkTarget(from, path); !free) return fail(std::move(free).error());
  // Has its name only once it is whole; what an interrupted one left is removed.
  const std::string unfinished = path + ".unfinished";
  std::error_code error;
  fs::remove_all(unfinished, error);
  if (!fs::create_directory(unfinished, error)) return fail(ofTarget("make " + unfinished, error.value()));
  fs::permissions(unfinished, fs::perms::owner_all, error);
  auto report = copyAll(from, records, config, unfinished);
  if (report && rename(unfinished.c_str(), path.c_str()) != 0) report = fail(Error::fromErrno(path, errno));
  if (report) {
    if (auto synced = syncAllOf(fs::path(path).parent_path()); !synced) report = fail(std::move(synced).error());
  }
  if (!report) fs::remove_all(unfinished, error);
  return report;
}

}  // namespace wasabi::platform
