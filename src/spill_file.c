/*
 * A temporary file for what does not fit in memory.
 *
 * A thin layer over the server's BufFile, which limits, counts and removes
 * temporary files. Pieces are only ever added; who wrote a piece keeps its place.
 * Nothing is created before the first piece is written.
 */
#include "compat.h"

#include <fcntl.h>

#include "storage/buffile.h"
#include "utils/memutils.h"

#include "spill_file.h"

struct SpillFile
{
	MemoryContext context;		/* of the BufFile */
	BufFile    *file;			/* NULL until something is written */
	SharedFileSet *files;		/* NULL: private to this process */
	char	   *name;			/* within files */
	SpillPlace	end;			/* where the next piece goes */
};

/*
 * A file of this process alone
 */
SpillFile *
spill_create(MemoryContext context)
{
	SpillFile  *file = MemoryContextAllocZero(context, sizeof(SpillFile));

	file->context = context;
	return file;
}

/*
 * A file that another process can read once it is exported
 *
 * name: unique within files.
 */
SpillFile *
spill_create_shared(SharedFileSet *files, const char *name, MemoryContext context)
{
	SpillFile  *file = spill_create(context);

	file->files = files;
	file->name = MemoryContextStrdup(context, name);
	return file;
}

/*
 * Open a file that another process has exported
 */
SpillFile *
spill_open_shared(SharedFileSet *files, const char *name, MemoryContext context)
{
	SpillFile  *file = spill_create(context);
	MemoryContext old = MemoryContextSwitchTo(context);

	file->file = BufFileOpenFileSet(&files->fs, name, O_RDONLY, false);
	MemoryContextSwitchTo(old);
	return file;
}

/*
 * Let others read the file; nothing can be written any more
 */
void
spill_export(SpillFile *file)
{
	if (file->file != NULL)
		BufFileExportFileSet(file->file);
}

/*
 * Close and, unless it is shared, remove the file
 */
void
spill_close(SpillFile *file)
{
	if (file->file != NULL)
		BufFileClose(file->file);
	file->file = NULL;
}

/*
 * Has anything been written?
 */
bool
spill_is_used(const SpillFile *file)
{
	return file->file != NULL;
}

static void
seek_to(SpillFile *file, SpillPlace place)
{
	if (BufFileSeek(file->file, place.segment, place.offset, SEEK_SET) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not seek in a temporary file: %m")));
}

/*
 * Add a piece at the end; returns its place
 */
SpillPlace
spill_write(SpillFile *file, const void *data, Size size)
{
	SpillPlace	place = file->end;

	if (file->file == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(file->context);

		file->file = file->files == NULL ? BufFileCreateTemp(false) :
			BufFileCreateFileSet(&file->files->fs, file->name);
		MemoryContextSwitchTo(old);
	}
	else
		seek_to(file, place);
	BufFileWrite(file->file, unconstify(void *, data), size);
	BufFileTell(file->file, &file->end.segment, &file->end.offset);
	return place;
}

/*
 * Read a piece back
 */
void
spill_read(SpillFile *file, SpillPlace place, void *data, Size size)
{
	seek_to(file, place);
	buffile_read_exact(file->file, data, size);
}
