// SPDX-License-Identifier: GPL-2.0 OR MIT
#include <string.h>
#include "status.h"

#define PAGE(code, reason, text)                                                                                       \
	"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" code " " reason "</title></head>\n" \
	"<body><h1>" code " " reason "</h1><p>" text "</p></body></html>\n"
#define ENTRY(code, reason, text)                                                                                      \
	{                                                                                                              \
		code, sizeof(PAGE(#code, reason, text)) - 1, reason, PAGE(#code, reason, text)                         \
	}

static const struct {
	int code;
	size_t len;
	const char *reason, *page;
} table[STATUS_COUNT] = {
	ENTRY(200, "OK", ""),
	ENTRY(204, "No Content", ""),
	ENTRY(206, "Partial Content", ""),
	ENTRY(301, "Moved Permanently", "The document is a directory; its address ends in a slash."),
	ENTRY(304, "Not Modified", ""),
	ENTRY(400, "Bad Request", "The request is not well-formed HTTP/1.1."),
	ENTRY(403, "Forbidden", "The document may not be read."),
	ENTRY(404, "Not Found", "There is no document of that name."),
	ENTRY(405, "Method Not Allowed", "Documents here can be read with GET and HEAD only."),
	ENTRY(408, "Request Timeout", "The request did not arrive in time."),
	ENTRY(412, "Precondition Failed", "The document is not in the state that the request requires."),
	ENTRY(413, "Content Too Large", "A request for a document needs no content, and this much is refused."),
	ENTRY(414, "URI Too Long", "The address is longer than this server reads."),
	ENTRY(416, "Range Not Satisfiable", "The document has no bytes in the range asked for."),
	ENTRY(417, "Expectation Failed", "Only 100-continue is understood in Expect."),
	ENTRY(431, "Request Header Fields Too Large", "The header fields are longer, or more, than this server reads."),
	ENTRY(500, "Internal Server Error", "The document could not be read. The server's error log says why."),
	ENTRY(501, "Not Implemented", "The method or transfer coding is not known here."),
	ENTRY(503, "Service Unavailable", "The server is out of a resource. Try again shortly."),
	ENTRY(505, "HTTP Version Not Supported", "This server speaks HTTP/1.1 and HTTP/1.0."),
	ENTRY(421, "Misdirected Request", "The scheme of the address is not served here."),
};

unsigned status_index(int status)
{
	unsigned i = 0;

	while (i < STATUS_COUNT && table[i].code != status)
		i++;
	return i < STATUS_COUNT ? i : status_index(500);
}

int status_code(unsigned index)
{
	return table[index < STATUS_COUNT ? index : 0].code;
}

const char *status_reason(int status)
{
	return table[status_index(status)].reason;
}

const char *status_page(int status, size_t *n)
{
	unsigned i = status_index(status);

	*n = table[i].len;
	return table[i].page;
}
