// Asks small things and waits for the answer as a whole: what a box has to tell, what a collector takes.
//
// Lives on its loop. Every question is answered once, within the patience, unless the asker is destroyed before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_function.h"
#include "base/units.h"
#include "http/client.h"
#include "http/event_loop.h"

namespace wasabi::http {

class Asker {
 public:
  struct Limits {
    Duration patience = std::chrono::seconds(5);  // kTimeout
    std::size_t most_bytes = 1 << 20;             // of an answer: kCorrupt
  };
  struct Answer {
    std::uint16_t status = 0;
    std::string body;
  };
  // kUnavailable, with the client's words, where there is no answer.
  using Take = UniqueFunction<void(Result<Answer>)>;

  // `client` outlives this.
  Asker(EventLoop& loop, Client& client, const Limits& limits);
  ~Asker();
  Asker(const Asker&) = delete;
  Asker& operator=(const Asker&) = delete;

  // With a body where it is not empty. `take` may destroy the asker.
  void ask(ClientRequest request, const std::string& body, Take take);
  // Questions that are not answered.
  std::size_t open() const { return open_.size(); }

 private:
  class Question;
  void forget(Question* question);

  EventLoop& loop_;
  Client& client_;
  const Limits limits_;
  std::vector<std::unique_ptr<Question>> open_;
};

}  // namespace wasabi::http
