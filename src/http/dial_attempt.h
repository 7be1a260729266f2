// A connect under way, for the .cc files of this folder: what dials is kept alive by what it left with the loop too,
// and is cancelled when nobody wants its connection any more.
#pragma once

#include <memory>
#include <utility>

#include "http/client_transport.h"

namespace wasabi::http {

template <typename Dial>
class DialAttempt : public ConnectAttempt {
 public:
  explicit DialAttempt(std::shared_ptr<Dial> dial) : dial_(std::move(dial)) {}
  ~DialAttempt() override { dial_->cancel(); }
  DialAttempt(const DialAttempt&) = delete;
  DialAttempt& operator=(const DialAttempt&) = delete;

 private:
  std::shared_ptr<Dial> dial_;
};

}  // namespace wasabi::http
