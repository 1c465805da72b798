package topic

// Slots returns the size of the table in which h finds topics.
func Slots[K comparable, T any](h *Hub[K, T]) int { return len(*h.topics.slots.Load()) }
