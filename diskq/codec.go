package diskq

import (
	"bytes"
	"encoding"
	"encoding/binary"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"golang.org/x/exp/constraints"
)

// Codec turns values into bytes and back. It is used by several goroutines at once.
//
// A codec that has a method Name() string gives its name to the segments, and a queue that was written with a codec of one
// name can't be opened with one of another. The codecs of this package have names; a name has at most 59 bytes.
type Codec[T any] interface {
	// Append appends the bytes of v to dst, of any number, none included. It must not keep dst.
	Append(dst []byte, v T) ([]byte, error)

	// Decode returns the value that Append made src of. src is only lent: it must neither be kept nor changed. An error costs
	// that value: readers get a *[sluice.CorruptError] that wraps it, and [ErrDecode]. [Inspect] decodes nothing, and tells
	// nothing of it.
	Decode(src []byte) (T, error)
}

// ErrDecode is wrapped by the *[sluice.CorruptError] of a value that is there undamaged, but that the codec can't decode: it may
// have been written as another type. A loop that goes on behind damage may want to stop there. Compare with errors.Is.
var ErrDecode = errors.New("the codec can't decode it")

type named interface{ Name() string }

// A direct codec's values are bytes already: they are copied straight into the queue's buffer, and straight out of a
// reader's, without a call of Append or Decode.
type direct[T any] interface {
	bytes(v T) []byte
	value(src []byte) T // is src

	// lends says that values are what lies in a reader's buffer, until the next batch does. Else they are copied out.
	lends() bool
}

// Bytes is the codec of values that are bytes already. Values that are read may be kept, and belong to the reader. They
// are cut from a copy of up to 32 KiB, which one that is kept keeps alive: clone what is kept for long.
// Cost: no allocation for a value, one for each such copy.
func Bytes() Codec[[]byte] { return bytesCodec{} }

type bytesCodec struct{}

func (bytesCodec) Name() string                                { return "bytes" }
func (bytesCodec) Append(dst []byte, v []byte) ([]byte, error) { return append(dst, v...), nil }
func (bytesCodec) Decode(src []byte) ([]byte, error)           { return bytes.Clone(src), nil }
func (bytesCodec) bytes(v []byte) []byte                       { return v }
func (bytesCodec) value(src []byte) []byte                     { return src }
func (bytesCodec) lends() bool                                 { return false }

// LentBytes is [Bytes] for the fastest loops: values that are read are lent, and valid only until their cursor is asked for
// more. So it is for loops whose body is done with a value when it ends. It is not for Chan, slices.Collect, or whatever
// else keeps values: they would find others in their place. A queue may be opened with either.
// Cost: no allocation at all.
func LentBytes() Codec[[]byte] { return lentCodec{} }

type lentCodec struct{ bytesCodec }

func (lentCodec) lends() bool { return true }

// String is the codec of strings. Reading one costs one allocation.
func String() Codec[string] { return stringCodec{} }

type stringCodec struct{}

func (stringCodec) Name() string                                { return "string" }
func (stringCodec) Append(dst []byte, v string) ([]byte, error) { return append(dst, v...), nil }
func (stringCodec) Decode(src []byte) (string, error)           { return string(src), nil }

// JSON is the codec of whatever encoding/json can do: readable by every program, and about 1 µs a value.
func JSON[T any]() Codec[T] { return jsonCodec[T]{} }

type jsonCodec[T any] struct{}

func (jsonCodec[T]) Name() string { return "json" }

func (jsonCodec[T]) Append(dst []byte, v T) ([]byte, error) {
	b, err := json.Marshal(v)
	return append(dst, b...), err
}

func (jsonCodec[T]) Decode(src []byte) (v T, err error) {
	err = json.Unmarshal(src, &v)
	return v, err
}

// Gob is the codec of whatever encoding/gob can do. Each value carries the description of its type, so that each can be
// read alone: that makes it the slowest, at some 10 µs a value.
func Gob[T any]() Codec[T] { return gobCodec[T]{} }

type gobCodec[T any] struct{}

func (gobCodec[T]) Name() string { return "gob" }

func (gobCodec[T]) Append(dst []byte, v T) ([]byte, error) {
	w := sliceWriter(dst)
	err := gob.NewEncoder(&w).Encode(&v)
	return w, err
}

func (gobCodec[T]) Decode(src []byte) (v T, err error) {
	err = gob.NewDecoder(bytes.NewReader(src)).Decode(&v)
	return v, err
}

type sliceWriter []byte

func (w *sliceWriter) Write(p []byte) (int, error) {
	*w = append(*w, p...)
	return len(p), nil
}

var _ io.Writer = (*sliceWriter)(nil)

// Binary is the codec of types that encode themselves: T appends itself to a slice, and *T reads itself back. It is the
// fastest for structures.
func Binary[T encoding.BinaryAppender, P interface {
	*T
	encoding.BinaryUnmarshaler
}]() Codec[T] {
	return binaryCodec[T, P]{}
}

type binaryCodec[T encoding.BinaryAppender, P interface {
	*T
	encoding.BinaryUnmarshaler
}] struct{}

func (binaryCodec[T, P]) Name() string { return "binary" }

func (binaryCodec[T, P]) Append(dst []byte, v T) ([]byte, error) { return v.AppendBinary(dst) }

func (binaryCodec[T, P]) Decode(src []byte) (v T, err error) {
	err = P(&v).UnmarshalBinary(src)
	return v, err
}

// Varint is the codec of integers: small ones take one byte, negative ones included.
func Varint[T constraints.Integer]() Codec[T] { return varintCodec[T]{} }

type varintCodec[T constraints.Integer] struct{}

var errVarint = errors.New("not one varint")

func (varintCodec[T]) Name() string { return "varint" }

func (varintCodec[T]) signed() bool { return ^T(0) < 0 }

func (c varintCodec[T]) Append(dst []byte, v T) ([]byte, error) {
	if c.signed() {
		return binary.AppendVarint(dst, int64(v)), nil
	}
	return binary.AppendUvarint(dst, uint64(v)), nil
}

func (c varintCodec[T]) Decode(src []byte) (v T, err error) {
	var n int
	var fits bool
	if c.signed() {
		var x int64
		x, n = binary.Varint(src)
		v = T(x)
		fits = int64(v) == x
	} else {
		var x uint64
		x, n = binary.Uvarint(src)
		v = T(x)
		fits = uint64(v) == x
	}
	switch {
	case n <= 0 || n != len(src):
		return 0, errVarint
	case !fits:
		return 0, fmt.Errorf("a varint that does not fit a %T", v)
	}
	return v, nil
}
