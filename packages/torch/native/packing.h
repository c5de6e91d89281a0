// Several tensors in one flat buffer of bytes, so that small ones travel together and any dtype travels anywhere.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace unmask {

class Parcel {
 public:
  explicit Parcel(std::vector<at::Tensor> tensors);
  void pack();
  void unpack();
  // What travels: the buffer, or a large tensor's own memory.
  at::Tensor bytes() const { return buffer_; }

 private:
  // Where each tensor lies in the buffer, as a tensor of its own shape.
  std::vector<at::Tensor> places_;
  std::vector<at::Tensor> tensors_;
  at::Tensor buffer_;
  bool direct_ = false;
};

// Tensors in their order, by device, as the contents of parcels of some MiB. Empty tensors are left out.
std::vector<std::vector<at::Tensor>> contentsOfParcels(const std::vector<at::Tensor>& tensors);

// The memory of a contiguous tensor as bytes.
at::Tensor bytesOf(const at::Tensor& tensor);

}  // namespace unmask
