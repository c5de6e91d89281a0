#include "packing.h"

#include <ATen/Functions.h>

namespace unmask {

namespace {

constexpr int64_t kParcelBytes = 25 << 20;
constexpr int64_t kAlignment = 16;  // of every dtype

int64_t aligned(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

at::Tensor bytesOf(const at::Tensor& tensor) { return tensor.reshape({-1}).view(at::kByte); }

Parcel::Parcel(std::vector<at::Tensor> tensors) : tensors_(std::move(tensors)) {
  if (tensors_.size() == 1 && tensors_[0].is_contiguous()) {
    direct_ = true;
    buffer_ = bytesOf(tensors_[0]);
    return;
  }
  int64_t total = 0;
  for (const auto& tensor : tensors_) total += aligned(static_cast<int64_t>(tensor.nbytes()));
  buffer_ = at::empty({total}, tensors_[0].options().dtype(at::kByte));
  int64_t start = 0;
  for (const auto& tensor : tensors_) {
    auto length = static_cast<int64_t>(tensor.nbytes());
    places_.push_back(buffer_.narrow(0, start, length).view(tensor.scalar_type()).view(tensor.sizes()));
    start += aligned(length);
  }
}

void Parcel::pack() {
  for (size_t i = 0; i < places_.size(); i++) places_[i].copy_(tensors_[i]);
}

void Parcel::unpack() {
  for (size_t i = 0; i < places_.size(); i++) tensors_[i].copy_(places_[i]);
}

std::vector<std::vector<at::Tensor>> contentsOfParcels(const std::vector<at::Tensor>& tensors) {
  std::vector<std::vector<at::Tensor>> result;
  std::vector<at::Tensor> gathered;
  int64_t size = 0;
  auto send = [&] {
    if (!gathered.empty()) result.push_back(std::move(gathered));
    gathered.clear();
    size = 0;
  };
  for (const auto& one : tensors) {
    if (one.numel() == 0) continue;
    auto bytes = static_cast<int64_t>(one.nbytes());
    bool fits = gathered.empty() || (gathered[0].device() == one.device() && size + bytes <= kParcelBytes);
    if (!fits) send();
    gathered.push_back(one.detach());
    size += bytes;
  }
  send();
  return result;
}

}  // namespace unmask
