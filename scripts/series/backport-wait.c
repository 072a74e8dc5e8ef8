static int add_first_waiter(wait_queue_head_t *queue, wait_queue_entry_t *wait)
{
	wait_queue_entry_t *first;
	int ret = -EBUSY;

	wait->flags |= WQ_FLAG_EXCLUSIVE | WQ_FLAG_PRIORITY;
	spin_lock_irq(&queue->lock);
	first = list_first_entry_or_null(&queue->head, wait_queue_entry_t,
					 entry);
	if (!first || !(first->flags & WQ_FLAG_PRIORITY)) {
		list_add(&wait->entry, &queue->head);
		ret = 0;
	}
	spin_unlock_irq(&queue->lock);

	return ret;
}

