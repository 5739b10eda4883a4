/*
 * The lock that a model's refresh holds: one refresh at a time, and nothing that
 * takes people out of a model while its scores are computed.
 */
#include "compat.h"

#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/lock.h"

#include "model/model_lock.h"

/* Sub-object of the view "scores" whose lock stands for "being refreshed" */
#define REFRESH_LOCK_SUBID	0xFFFF

/*
 * Take the lock until the end of the transaction; false when somebody else has it
 * and the caller does not wait
 */
bool
model_lock(const ModelRef *model, bool wait)
{
	LOCKTAG		tag;

	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, RelationRelationId, model->scores, REFRESH_LOCK_SUBID);
	return LockAcquire(&tag, ExclusiveLock, false, !wait) != LOCKACQUIRE_NOT_AVAIL;
}
