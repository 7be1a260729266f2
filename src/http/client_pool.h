// The connections of one client: how many may be open, and which are idle and may be used again.
#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "http/client.h"

namespace wasabi::http {

class ConnectionPool;

// A connection's place among those that may be open, and its transport once there is one. Destroying it closes the
// connection and frees the place; the pool must still be there.
class PooledConnection {
 public:
  PooledConnection(PooledConnection&& other) noexcept;
  PooledConnection& operator=(PooledConnection&&) = delete;
  ~PooledConnection();

  Transport* transport() const { return transport_.get(); }
  void setTransport(std::unique_ptr<Transport> transport) { transport_ = std::move(transport); }
  // It has carried a request before, so that the peer may have closed it meanwhile.
  bool reused() const { return reused_; }

 private:
  friend class ConnectionPool;
  PooledConnection(ConnectionPool& pool, const Origin& origin, std::unique_ptr<Transport> transport);

  ConnectionPool* pool_;  // null once moved from
  const Origin* origin_;  // the pool's
  std::unique_ptr<Transport> transport_;
  bool reused_;
};

class ConnectionPool {
 public:
  ConnectionPool(EventLoop& loop, const ClientLimits& limits) : loop_(loop), limits_(limits), sweep_(loop) {}
  ConnectionPool(const ConnectionPool&) = delete;
  ConnectionPool& operator=(const ConnectionPool&) = delete;

  // An idle connection, or a place for a new one (without a transport). kExhausted at a limit. Idle connections are
  // listened to, so that those whose peer closed are gone in the next turn of the loop; with `look_again` the socket
  // is asked once more, for requests that must not meet a closed one.
  Result<PooledConnection> acquire(const Origin& origin, bool look_again);
  // A place for a new connection, whatever is idle.
  Result<PooledConnection> acquireFresh(const Origin& origin);
  // Keeps the connection for later requests, or closes it where enough are kept.
  void keep(PooledConnection connection);
  void closeIdle();

  ClientCounters counters() const { return {open_, idle_.size()}; }

 private:
  friend class PooledConnection;

  struct Idle {
    const Origin* origin;
    std::unique_ptr<Transport> transport;
    TimePoint since;
  };
  using IdleList = std::list<Idle>;  // oldest first
  struct PerOrigin {
    std::size_t open = 0;                  // idle ones included
    std::vector<IdleList::iterator> idle;  // oldest first
  };

  std::unique_ptr<Transport> takeIdle(PerOrigin& entry);
  // Whether an idle connection may give way to a wanted one.
  using GivesWay = bool (*)(const Origin& idle, const Origin& wanted);
  bool dropOldestIdle(const Origin& wanted, GivesWay gives_way);
  void drop(IdleList::iterator idle);
  std::optional<Error> makeRoom(const Origin& wanted);
  std::size_t openTo(const Origin& origin) const;
  std::size_t openOf(const std::string& partition) const;
  void freePlace(const Origin& origin);
  void armSweep();
  void sweep();

  EventLoop& loop_;
  const ClientLimits limits_;
  std::map<Origin, PerOrigin> origins_;            // those with an open connection
  std::map<std::string, std::size_t> partitions_;  // open connections, idle ones included
  IdleList idle_;
  std::size_t open_ = 0;
  Timer sweep_;
};

}  // namespace wasabi::http
