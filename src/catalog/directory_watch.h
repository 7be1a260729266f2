// Tells when entries of some folders change (inotify).
#pragma once

#include <map>
#include <set>
#include <string>

#include "base/error.h"
#include "base/file_descriptor.h"

namespace wasabi::catalog {

// Not thread-safe.
class DirectoryWatch {
 public:
  // A watch without a descriptor (the system has none left) is valid: it is just never complete.
  DirectoryWatch();

  // Readable when something happened; -1 if there is none.
  int fd() const { return inotify_.get(); }

  // Watches exactly these folders. True if one of them was not watched before, or is another folder by now.
  bool set(const std::set<std::string>& directories);

  // Whether every change in the folders will be told: not where the system's watches have run out, or on file
  // systems that others write to behind the kernel's back.
  bool isComplete() const { return complete_; }

  // Takes what was told. Which file it was does not matter: a scan finds out, and it also finds what an overflow lost.
  void drain();

 private:
  struct Watch {
    int descriptor;
    bool tells_all;  // by the kind of its file system
  };

  FileDescriptor inotify_;
  std::map<std::string, Watch> watches_;
  bool complete_ = false;
};

}  // namespace wasabi::catalog
