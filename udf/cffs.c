// SPDX-License-Identifier: GPL-2.0 OR MIT
/* cffs.c: the template of private cffs trees: what a partition owns. Who may change it is the root's capability alone.
 */
#include "cffs_owns.h"

EXO_UDF(cffs, 512)
{
	return cffs_owns();
}
