// Box::askWorkers, for the files that the box consists of; see box.h.
#pragma once

#include <memory>
#include <utility>

#include "box/box.h"

namespace wasabi::box {

template <typename Answer>
void Box::askWorkers(UniqueFunction<void(Worker&, UniqueFunction<void(Answer)>)> ask,
                     UniqueFunction<void(std::vector<Answer>)> take) {
  struct Gathering {
    std::vector<Answer> answers;
    std::size_t missing;
    UniqueFunction<void(std::vector<Answer>)> take;
  };
  auto gathering =
      std::make_shared<Gathering>(Gathering{std::vector<Answer>(workers_.size()), workers_.size(), std::move(take)});
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    ask(*workers_[i], [this, gathering, i](Answer answer) {
      control_.post([gathering, i, answer = std::move(answer)]() mutable {
        gathering->answers[i] = std::move(answer);
        if (--gathering->missing == 0) gathering->take(std::move(gathering->answers));
      });
    });
  }
}

}  // namespace wasabi::box
