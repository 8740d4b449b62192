#include "base/metrics.hpp"

#include <algorithm>
#include <map>
#include <stdexcept>

namespace marquee::base {

struct Registry::Family {
  MetricText text;
  MetricKind kind = MetricKind::counter;
  std::vector<std::string> label_names;
  // Closed labels.
  std::vector<LabelAxis> axes;
  std::vector<std::uint64_t> bounds;
  std::size_t offset = 0;
  std::size_t samples = 0;
  // Growing labels; under series_lock_.
  bool grows = false;
  std::map<std::vector<std::string>, std::weak_ptr<Series>> series;
  Collect collect;

  double exported(std::uint64_t raw) const {
    const double value = kind == MetricKind::gauge
                             ? static_cast<double>(static_cast<std::int64_t>(raw))
                             : static_cast<double>(raw);
    return value * text.scale;
  }
};

Cells::Cells(std::size_t count)
    : lines_(std::make_unique<Line[]>(count / 8 + 1)), cells_(lines_[0].cells.data()) {
  static_assert(sizeof(Line) == 8 * sizeof(Cell));
}

std::uint64_t Series::sum() const {
  std::uint64_t sum = 0;
  for (const Slot& slot : cells_) sum += slot.cell.get();
  return sum;
}

Registry::Registry() = default;
Registry::~Registry() = default;

Registry::Family& Registry::add(MetricText text, MetricKind kind) {
  if (started_) throw std::logic_error("metric " + text.name + " declared after start");
  const bool named = text.name.starts_with("marquee_") &&
                     text.name.ends_with("_total") == (kind == MetricKind::counter);
  if (!named) throw std::logic_error("metric name against the conventions: " + text.name);
  for (const auto& family : families_) {
    if (family->text.name == text.name) throw std::logic_error("two metrics named " + text.name);
  }
  auto& family = *families_.emplace_back(std::make_unique<Family>());
  family.text = std::move(text);
  family.kind = kind;
  return family;
}

Registry::Declared Registry::declare(MetricText text, MetricKind kind, std::vector<LabelAxis> axes,
                                     std::vector<std::uint64_t> bounds) {
  Family& family = add(std::move(text), kind);
  if (!std::is_sorted(bounds.begin(), bounds.end(), std::less_equal<>())) {
    throw std::logic_error("bounds of " + family.text.name + " do not ascend");
  }
  family.samples = 1;
  for (const LabelAxis& label : axes) {
    family.label_names.push_back(label.name);
    family.samples *= label.values.size();
  }
  family.axes = std::move(axes);
  family.bounds = std::move(bounds);
  family.offset = cell_count_;
  const std::size_t per_sample = kind == MetricKind::histogram ? family.bounds.size() + 2 : 1;
  cell_count_ += family.samples * per_sample;
  return {family.offset, &family.axes, &family.bounds};
}

GrowingFamily Registry::growing(MetricText text, MetricKind kind,
                                std::vector<std::string> label_names) {
  if (kind == MetricKind::histogram) throw std::logic_error(text.name + ": no growing histograms");
  Family& family = add(std::move(text), kind);
  family.grows = true;
  family.label_names = std::move(label_names);
  return {families_.size() - 1};
}

void Registry::collected(MetricText text, MetricKind kind, std::vector<std::string> label_names,
                         Collect collect) {
  Family& family = add(std::move(text), kind);
  family.label_names = std::move(label_names);
  family.collect = std::move(collect);
}

void Registry::start(std::size_t writers) {
  if (started_) throw std::logic_error("the metrics registry was started twice");
  started_ = true;
  for (std::size_t i = 0; i < writers; ++i) cells_.push_back(std::make_unique<Cells>(cell_count_));
}

std::shared_ptr<Series> Registry::series(GrowingFamily family, std::vector<std::string> labels) {
  Family& f = *families_.at(family.index);
  if (!started_ || !f.grows || labels.size() != f.label_names.size()) {
    throw std::logic_error("series of " + f.text.name + " with wrong labels or before start");
  }
  const std::lock_guard lock(series_lock_);
  // Names that came and went must not pile up over many reloads.
  std::erase_if(f.series, [](const auto& entry) { return entry.second.expired(); });
  auto& known = f.series[labels];
  if (auto living = known.lock()) return living;
  auto made = std::make_shared<Series>(std::move(labels), writers());
  known = made;
  return made;
}

void Registry::read_cells(const Family& family, MetricSnapshot& into) const {
  const bool histogram = family.kind == MetricKind::histogram;
  const std::size_t buckets = histogram ? family.bounds.size() + 1 : 0;
  const std::size_t per_sample = histogram ? buckets + 1 : 1;
  const auto total = [&](std::size_t at) {
    std::uint64_t sum = 0;
    for (const auto& cells : cells_) sum += (*cells)[at].get();
    return sum;
  };
  for (const std::uint64_t b : family.bounds) {
    into.bounds.push_back(static_cast<double>(b) * family.text.scale);
  }
  for (std::size_t i = 0; i < family.samples; ++i) {
    MetricSample sample;
    const std::size_t first = family.offset + i * per_sample;
    std::uint64_t count = 0;
    for (std::size_t b = 0; b < buckets; ++b)
      sample.cumulative.push_back(count += total(first + b));
    const std::uint64_t raw = total(first + buckets);
    (histogram ? sample.sum : sample.value) = family.exported(raw);
    if (family.text.omit_zero && raw == 0 && count == 0) continue;
    std::size_t rest = i;
    sample.labels.resize(family.axes.size());
    for (std::size_t a = family.axes.size(); a-- > 0;) {
      const auto& values = family.axes[a].values;
      sample.labels[a] = values[rest % values.size()];
      rest /= values.size();
    }
    into.samples.push_back(std::move(sample));
  }
}

void Registry::read_series(const Family& family, MetricSnapshot& into) {
  for (const auto& [labels, watched] : family.series) {
    const auto series = watched.lock();
    if (!series) continue;
    MetricSample sample;
    sample.labels = labels;
    sample.value = family.exported(series->sum());
    into.samples.push_back(std::move(sample));
  }
}

std::vector<MetricSnapshot> Registry::scrape() const {
  std::vector<MetricSnapshot> result;
  for (const auto& family : families_) {
    MetricSnapshot& snapshot = result.emplace_back();
    snapshot.name = family->text.name;
    snapshot.help = family->text.help;
    snapshot.kind = family->kind;
    snapshot.label_names = family->label_names;
    if (family->collect) {
      family->collect(snapshot.samples);
    } else if (family->grows) {
      const std::lock_guard lock(series_lock_);
      read_series(*family, snapshot);
    } else {
      read_cells(*family, snapshot);
    }
  }
  return result;
}

}  // namespace marquee::base
