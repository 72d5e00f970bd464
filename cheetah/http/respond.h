/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * respond.h: from a parsed request to a response. RFC 9110 sections 9.3 (methods), 13 (conditions), 14 (ranges), 15
 * (status codes); RFC 9112 section 6 (framing of the response: always Content-Length, never chunked).
 */
#ifndef CHEETAH_RESPOND_H
#define CHEETAH_RESPOND_H

#include "session.h"

/* s->req is complete, its bytes are at s->in + s->head_at. Fills in the output half of the session. */
void respond(struct session *s);

/* A page for a status without a document; used for what could not be parsed as well. */
void respond_status(struct session *s, int status);

#endif
