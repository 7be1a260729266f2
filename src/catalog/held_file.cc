#include "catalog/held_file.h"

#include <fcntl.h>

#include <cerrno>
#include <utility>

#include "catalog/shared_file_system.h"

namespace wasabi::catalog {

Result<HeldFile> HeldFile::hold(FileDescriptor file) {
  // There the lease, if there are any, says nothing about other machines.
  if (isOnSharedFileSystem(file.get())) return HeldFile(std::move(file), EREMOTE);
  if (fcntl(file.get(), F_SETLEASE, F_RDLCK) == 0) return HeldFile(std::move(file), 0);
  if (errno == EAGAIN) return fail(ErrorCode::kCorrupt, "somebody has it open for writing");
  return HeldFile(std::move(file), errno);
}

HeldFile::~HeldFile() {
  if (file_.valid() && refusal_ == 0) fcntl(file_.get(), F_SETLEASE, F_UNLCK);
}

bool HeldFile::isWanted() const {
  return refusal_ == 0 && fcntl(file_.get(), F_GETLEASE) != F_RDLCK;
}

std::optional<Error> HeldFile::whyNotHeld() const {
  if (refusal_ == 0) return std::nullopt;
  return Error::fromErrno("no read lease on a compiled module", refusal_);
}

}  // namespace wasabi::catalog
