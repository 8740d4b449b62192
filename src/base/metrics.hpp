// Metrics as plain cells. Every writer (a worker, the control thread) has its
// own; it adds with a relaxed load and store, no locked instruction, and a
// scrape sums over all writers from another thread.
//
//   Registry registry;
//   auto handshakes = registry.counter<Result, Version>(
//       {"marquee_handshakes_total", "TLS handshakes by result."},
//       axis<Result>("result", Result::last), axis<Version>("version", Version::last));
//   registry.start(workers + 1);                         // all families are declared
//   handshakes.increment(registry.cells(worker), Result::ok, Version::tls13);
//
// Families whose labels are known only at run time (an upstream endpoint) are
// Series: registered off the request path, then written as fast as the others.
// Names follow Prometheus: marquee_*, base units, counters end in _total.
// Misuse of the registry at start throws std::logic_error: a programming error.
#pragma once
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace marquee::base {

enum class MetricKind : std::uint8_t { counter, gauge, histogram };

// One number: written by one thread, read by any. Gauges hold an int64's bits.
class Cell {
 public:
  void add(std::uint64_t n) { set(get() + n); }
  void set(std::uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// The cells of one writer for all families with closed labels.
class Cells {
 public:
  explicit Cells(std::size_t count);
  Cell& operator[](std::size_t i) { return cells_[i]; }
  const Cell& operator[](std::size_t i) const { return cells_[i]; }

 private:
  struct alignas(64) Line {  // so that no two writers share a cache line
    std::array<Cell, 8> cells;
  };
  std::unique_ptr<Line[]> lines_;
  Cell* cells_;
};

struct MetricText {
  std::string name;
  std::string help;
  // What one recorded unit is in the exported one: 1e-6 where a family ending
  // in _seconds records microseconds. Also for bounds and sums of histograms.
  double scale = 1;
  bool omit_zero = false;  // leave out samples that are zero (wide label products)
};

// A label with a closed set of values.
struct LabelAxis {
  std::string name;
  std::vector<std::string> values;
};

// The axis of an enum that counts from 0 to `last`, with name(E) found by ADL.
template <typename E>
LabelAxis axis(std::string label, E last) {
  LabelAxis result{std::move(label), {}};
  for (std::size_t i = 0; i <= static_cast<std::size_t>(last); ++i) {
    result.values.emplace_back(name(static_cast<E>(i)));
  }
  return result;
}

// Position of a label combination among a family's samples.
template <typename... E>
class LabelIndex {
 public:
  LabelIndex() = default;
  explicit LabelIndex(const std::vector<LabelAxis>& axes) {
    std::size_t stride = 1;
    for (std::size_t i = sizeof...(E); i-- > 0; stride *= axes[i].values.size()) {
      strides_[i] = stride;
    }
  }
  std::size_t operator()(E... labels) const {
    std::size_t at = 0;
    [[maybe_unused]] std::size_t i = 0;
    ((at += static_cast<std::size_t>(labels) * strides_[i++]), ...);
    return at;
  }

 private:
  std::array<std::size_t, sizeof...(E)> strides_{};
};

// Handles: small values, copied freely; valid as long as the registry lives.
template <typename... E>
class Counter {
 public:
  void increment(Cells& cells, E... labels) const { add(cells, 1, labels...); }
  void add(Cells& cells, std::uint64_t n, E... labels) const {
    cells[offset_ + index_(labels...)].add(n);
  }

 private:
  friend class Registry;
  std::size_t offset_ = 0;
  LabelIndex<E...> index_;
};

template <typename... E>
class Gauge {
 public:
  void add(Cells& cells, std::int64_t n, E... labels) const {
    cells[offset_ + index_(labels...)].add(static_cast<std::uint64_t>(n));
  }
  void set(Cells& cells, std::int64_t value, E... labels) const {
    cells[offset_ + index_(labels...)].set(static_cast<std::uint64_t>(value));
  }

 private:
  friend class Registry;
  std::size_t offset_ = 0;
  LabelIndex<E...> index_;
};

// Per sample: one cell per bound, one for what is above, one for the sum.
template <typename... E>
class Histogram {
 public:
  void observe(Cells& cells, std::uint64_t value, E... labels) const {
    const std::size_t first = offset_ + index_(labels...) * (bounds_ + 2);
    std::size_t bucket = 0;
    while (bucket < bounds_ && value > bound_[bucket]) ++bucket;
    cells[first + bucket].add(1);
    cells[first + bounds_ + 1].add(value);
  }

 private:
  friend class Registry;
  std::size_t offset_ = 0;
  const std::uint64_t* bound_ = nullptr;
  std::size_t bounds_ = 0;
  LabelIndex<E...> index_;
};

// One label combination of a growing family: a number per writer. The registry
// only watches it: when the last owner lets go, it leaves the scrape.
class Series {
 public:
  Series(std::vector<std::string> labels, std::size_t writers)
      : labels_(std::move(labels)), cells_(writers) {}
  Cell& cell(std::size_t writer) { return cells_[writer].cell; }
  const std::vector<std::string>& labels() const { return labels_; }
  std::uint64_t sum() const;

 private:
  struct alignas(64) Slot {
    Cell cell;
  };
  std::vector<std::string> labels_;
  std::vector<Slot> cells_;
};

// What a scrape sees: plain data, scaled to the exported unit.
struct MetricSample {
  std::vector<std::string> labels;        // in the order of label_names
  double value = 0;                       // counter, gauge
  std::vector<std::uint64_t> cumulative;  // histogram: per bound, then +Inf (= count)
  double sum = 0;
};

struct MetricSnapshot {
  std::string name;
  std::string help;
  MetricKind kind = MetricKind::counter;
  std::vector<std::string> label_names;
  std::vector<double> bounds;  // histogram, without +Inf
  std::vector<MetricSample> samples;
};

struct GrowingFamily {
  std::size_t index = 0;
};

class Registry {
 public:
  Registry();
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  template <typename... E, typename... Axes>
  Counter<E...> counter(MetricText text, Axes... axes) {
    static_assert(sizeof...(E) == sizeof...(Axes));
    Counter<E...> handle;
    fill(handle, declare(std::move(text), MetricKind::counter, {std::move(axes)...}, {}));
    return handle;
  }
  template <typename... E, typename... Axes>
  Gauge<E...> gauge(MetricText text, Axes... axes) {
    static_assert(sizeof...(E) == sizeof...(Axes));
    Gauge<E...> handle;
    fill(handle, declare(std::move(text), MetricKind::gauge, {std::move(axes)...}, {}));
    return handle;
  }
  // `bounds` ascend, in recorded units; a value equal to a bound counts below it.
  template <typename... E, typename... Axes>
  Histogram<E...> histogram(MetricText text, std::vector<std::uint64_t> bounds, Axes... axes) {
    static_assert(sizeof...(E) == sizeof...(Axes));
    Histogram<E...> handle;
    const Declared d =
        declare(std::move(text), MetricKind::histogram, {std::move(axes)...}, std::move(bounds));
    fill(handle, d);
    handle.bound_ = d.bounds->data();
    handle.bounds_ = d.bounds->size();
    return handle;
  }
  // Counter or gauge.
  GrowingFamily growing(MetricText text, MetricKind kind, std::vector<std::string> label_names);
  // Read at the time of the scrape, on the scraping thread; for state that has
  // its own counters (snapshots alive, build info). Labels as `label_names`.
  using Collect = std::function<void(std::vector<MetricSample>&)>;
  void collected(MetricText text, MetricKind kind, std::vector<std::string> label_names,
                 Collect collect);

  // Allocates the cells; afterwards only series may be added.
  void start(std::size_t writers);
  std::size_t writers() const { return cells_.size(); }
  Cells& cells(std::size_t writer) { return *cells_[writer]; }

  // Any thread but off the request path (takes a lock): the living series with
  // these labels, or a new one at zero.
  std::shared_ptr<Series> series(GrowingFamily family, std::vector<std::string> labels);

  // Sums over all writers; any thread.
  std::vector<MetricSnapshot> scrape() const;

 private:
  struct Family;
  struct Declared {
    std::size_t offset;
    const std::vector<LabelAxis>* axes;
    const std::vector<std::uint64_t>* bounds;
  };
  template <template <typename...> class Handle, typename... E>
  static void fill(Handle<E...>& handle, const Declared& d) {
    handle.offset_ = d.offset;
    handle.index_ = LabelIndex<E...>(*d.axes);
  }
  Declared declare(MetricText text, MetricKind kind, std::vector<LabelAxis> axes,
                   std::vector<std::uint64_t> bounds);
  Family& add(MetricText text, MetricKind kind);
  void read_cells(const Family& family, MetricSnapshot& into) const;
  static void read_series(const Family& family, MetricSnapshot& into);

  std::vector<std::unique_ptr<Family>> families_;  // fixed after start()
  std::vector<std::unique_ptr<Cells>> cells_;
  std::size_t cell_count_ = 0;
  bool started_ = false;
  mutable std::mutex series_lock_;
};

}  // namespace marquee::base
