/*
 * Differences between the PostgreSQL versions we build on (15, 17 and 18).
 * Nothing else in the tree tests PG_VERSION_NUM.
 */
#ifndef INFLUENCE_COMPAT_H
#define INFLUENCE_COMPAT_H

#include "postgres.h"

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#include "catalog/pg_class_d.h"
#include "catalog/pg_namespace_d.h"
#endif

#include "datatype/timestamp.h"

/* 18 writes what does not return in front of the whole declaration, as C23 does */
#if PG_VERSION_NUM < 180000
#define pg_noreturn pg_attribute_noreturn()
#endif

/* Intervals are always finite before 17 */
#if PG_VERSION_NUM < 170000
#define INTERVAL_IS_NOBEGIN(interval) ((void) (interval), false)
#define INTERVAL_IS_NOEND(interval) ((void) (interval), false)
#endif

/* Run a QueryDesc to its end; 18 dropped the last argument of ExecutorRun */
#if PG_VERSION_NUM >= 180000
#define ExecutorRunAll(query_desc) \
	ExecutorRun(query_desc, ForwardScanDirection, 0)
#else
#define ExecutorRunAll(query_desc) \
	ExecutorRun(query_desc, ForwardScanDirection, 0, true)
#endif

/* 16 merged the ACL checks of all kinds of objects */
#if PG_VERSION_NUM >= 160000
#define namespace_aclcheck(oid, role, mode) \
	object_aclcheck(NamespaceRelationId, oid, role, mode)
#define database_ownercheck(oid, role) \
	object_ownercheck(DatabaseRelationId, oid, role)
#define class_ownercheck(oid, role) \
	object_ownercheck(RelationRelationId, oid, role)
#else
#define namespace_aclcheck(oid, role, mode) \
	pg_namespace_aclcheck(oid, role, mode)
#define database_ownercheck(oid, role) \
	pg_database_ownercheck(oid, role)
#define class_ownercheck(oid, role) \
	pg_class_ownercheck(oid, role)
#endif

/* 16 renamed relfilenodes; 17 pins storage managers, so none need closing */
#if PG_VERSION_NUM >= 160000
#define rd_newStorageSubid rd_newRelfilelocatorSubid
#define rd_firstStorageSubid rd_firstRelfilelocatorSubid
#define RelationAssumeNewStorage RelationAssumeNewRelfilelocator
#else
#define rd_newStorageSubid rd_newRelfilenodeSubid
#define rd_firstStorageSubid rd_firstRelfilenodeSubid
#define RelationAssumeNewStorage RelationAssumeNewRelfilenode
#endif
#if PG_VERSION_NUM >= 170000
#define close_storage_by_oid(oid) ((void) (oid))
#else
#define close_storage_by_oid(oid) RelationCloseSmgrByOid(oid)
#endif

/* 17 writes new storage in bulk; we bring the same for those before */
#if PG_VERSION_NUM >= 170000
#include "storage/bulk_write.h"
#else
#define NEEDS_BULK_WRITE
#include "bulk_write.h"
#endif
#if PG_VERSION_NUM >= 160000
#define smgr_locator smgr_rlocator.locator
#else
#define smgr_locator smgr_rnode.node
#endif

/* A scan with "keys" conditions and no ordering; 18 can count what it does */
#if PG_VERSION_NUM >= 180000
#define begin_index_scan(relation, index, snapshot, keys) \
	index_beginscan(relation, index, snapshot, NULL, keys, 0)
#else
#define begin_index_scan(relation, index, snapshot, keys) \
	index_beginscan(relation, index, snapshot, keys, 0)
#endif

/* 16 renamed the look at one backend */
#if PG_VERSION_NUM >= 160000
#define local_backend_status(i) pgstat_get_local_beentry_by_index(i)
#else
#define local_backend_status(i) pgstat_fetch_stat_local_beentry(i)
#endif

/* 16 made BufFileRead() fail at the end of the file by itself */
#if PG_VERSION_NUM >= 160000
#define buffile_read_exact(file, data, size) BufFileReadExact(file, data, size)
#else
#define buffile_read_exact(file, data, size) \
	do { \
		if (BufFileRead(file, data, size) != (size)) \
			ereport(ERROR, (errcode_for_file_access(), errmsg("could not read a temporary file: %m"))); \
	} while (0)
#endif

/* 17 wraps the number that a transaction has within its backend */
#if PG_VERSION_NUM >= 170000
#define my_local_transaction() (MyProc->vxid.lxid)
#else
#define my_local_transaction() (MyProc->lxid)
#endif

/* 18 keeps pruning apart from Append */
#if PG_VERSION_NUM >= 180000
#define append_prunes_at_run_time(append) ((append)->part_prune_index >= 0)
#else
#define append_prunes_at_run_time(append) ((append)->part_prune_info != NULL)
#endif

/* 18 counts the all-frozen pages of a relation in pg_class */
#if PG_VERSION_NUM >= 180000
#define store_relation_size(relation, pages, tuples, all_visible, all_frozen, hasindex) \
	vac_update_relstats(relation, pages, tuples, all_visible, all_frozen, hasindex, \
						InvalidTransactionId, InvalidMultiXactId, NULL, NULL, true)
#else
#define store_relation_size(relation, pages, tuples, all_visible, all_frozen, hasindex) \
	((void) (all_frozen), \
	 vac_update_relstats(relation, pages, tuples, all_visible, hasindex, \
						 InvalidTransactionId, InvalidMultiXactId, NULL, NULL, true))
#endif
#if PG_VERSION_NUM >= 180000
#define swap_all_frozen(a, b) \
	do { int32 swapped = (a)->relallfrozen; (a)->relallfrozen = (b)->relallfrozen; (b)->relallfrozen = swapped; } while (0)
#else
#define swap_all_frozen(a, b) ((void) 0)
#endif

#endif							/* INFLUENCE_COMPAT_H */
