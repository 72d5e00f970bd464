// SPDX-License-Identifier: GPL-2.0 OR MIT
#include <string.h>
#include "chars.h"
#include "date.h"

static const char days[7][10] = {"Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"};
static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct civil {
	int year, month, day; /* month and day from 1 */
	int hour, min, sec;
};

/* Days from 1970-01-01; years are counted from March, so that the leap day comes last. */
static int64_t days_from_civil(int year, int month, int day)
{
	int64_t y = year - (month <= 2);
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t of_era = y - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void civil_from_days(int64_t n, struct civil *c)
{
	n += 719468;

	int64_t era = n / 146097;
	int64_t of_era = n - era * 146097;
	int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
	int64_t m = (5 * of_year + 2) / 153;

	c->day = (int)(of_year - (153 * m + 2) / 5 + 1);
	c->month = (int)(m < 10 ? m + 3 : m - 9);
	c->year = (int)(y + era * 400 + (c->month <= 2));
}

static void split(int64_t t, struct civil *c, int *weekday)
{
	int64_t day = t / 86400;
	int rest = (int)(t % 86400);

	civil_from_days(day, c);
	c->hour = rest / 3600;
	c->min = rest / 60 % 60;
	c->sec = rest % 60;
	*weekday = (int)(day % 7);
}

static char *two(char *p, int v)
{
	*p++ = (char)('0' + v / 10);
	*p++ = (char)('0' + v % 10);
	return p;
}

static char *four(char *p, int v)
{
	return two(two(p, v / 100), v % 100);
}

static char *clock_(char *p, const struct civil *c)
{
	p = two(p, c->hour);
	*p++ = ':';
	p = two(p, c->min);
	*p++ = ':';
	return two(p, c->sec);
}

bool date_format(char out[DATE_LEN], int64_t t)
{
	struct civil c;
	int weekday;
	char *p = out;

	if (t < 0 || t > DATE_MAX)
		return false;
	split(t, &c, &weekday);
	memcpy(p, days[weekday], 3);
	p += 3;
	*p++ = ',';
	*p++ = ' ';
	p = two(p, c.day);
	*p++ = ' ';
	memcpy(p, months[c.month - 1], 3);
	p += 3;
	*p++ = ' ';
	p = four(p, c.year);
	*p++ = ' ';
	p = clock_(p, &c);
	memcpy(p, " GMT", 4);
	return true;
}

bool date_format_log(char out[DATE_LOG_LEN], int64_t t)
{
	struct civil c;
	int weekday;
	char *p = out;

	if (t < 0 || t > DATE_MAX)
		return false;
	split(t, &c, &weekday);
	p = two(p, c.day);
	*p++ = '/';
	memcpy(p, months[c.month - 1], 3);
	p += 3;
	*p++ = '/';
	p = four(p, c.year);
	*p++ = ':';
	p = clock_(p, &c);
	memcpy(p, " +0000", 6);
	return true;
}

/* Reading: each helper moves *p on and answers whether the text was there. */

static bool lit(const char **p, const char *end, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(end - *p) < n || memcmp(*p, word, n))
		return false;
	*p += n;
	return true;
}

static bool digits(const char **p, const char *end, int n, int *v)
{
	if (end - *p < n)
		return false;
	for (*v = 0; n--; (*p)++) {
		if (!chars_is(**p, CHAR_DIGIT))
			return false;
		*v = *v * 10 + (**p - '0');
	}
	return true;
}

static bool month(const char **p, const char *end, int *v)
{
	for (*v = 1; *v <= 12; (*v)++)
		if (lit(p, end, months[*v - 1]))
			return true;
	return false;
}

static bool clock_read(const char **p, const char *end, struct civil *c)
{
	return digits(p, end, 2, &c->hour) && lit(p, end, ":") && digits(p, end, 2, &c->min) && lit(p, end, ":") &&
	       digits(p, end, 2, &c->sec);
}

/* The name of the day must be one; that it is the right one is not worth refusing a date for. */
static bool day_name(const char **p, const char *end, bool full)
{
	for (int i = 0; i < 7; i++) {
		char abbr[4] = {days[i][0], days[i][1], days[i][2], 0};

		if (lit(p, end, full ? days[i] : abbr))
			return true;
	}
	return false;
}

static bool imf_fixdate(const char *p, const char *end, struct civil *c)
{
	return day_name(&p, end, false) && lit(&p, end, ", ") && digits(&p, end, 2, &c->day) && lit(&p, end, " ") &&
	       month(&p, end, &c->month) && lit(&p, end, " ") && digits(&p, end, 4, &c->year) && lit(&p, end, " ") &&
	       clock_read(&p, end, c) && lit(&p, end, " GMT") && p == end;
}

static bool rfc850(const char *p, const char *end, struct civil *c)
{
	return day_name(&p, end, true) && lit(&p, end, ", ") && digits(&p, end, 2, &c->day) && lit(&p, end, "-") &&
	       month(&p, end, &c->month) && lit(&p, end, "-") && digits(&p, end, 2, &c->year) && lit(&p, end, " ") &&
	       clock_read(&p, end, c) && lit(&p, end, " GMT") && p == end;
}

static bool asctime_(const char *p, const char *end, struct civil *c)
{
	if (!day_name(&p, end, false) || !lit(&p, end, " ") || !month(&p, end, &c->month) || !lit(&p, end, " "))
		return false;
	if (lit(&p, end, " ") ? !digits(&p, end, 1, &c->day) : !digits(&p, end, 2, &c->day))
		return false;
	return lit(&p, end, " ") && clock_read(&p, end, c) && lit(&p, end, " ") && digits(&p, end, 4, &c->year) &&
	       p == end;
}

static bool in_range(const struct civil *c)
{
	static const uint8_t lengths[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (c->year % 4 == 0 && c->year % 100) || c->year % 400 == 0;
	int last = lengths[c->month - 1] + (c->month == 2 && leap);

	/* 60: a leap second counts as the first second of the next minute. */
	return c->day >= 1 && c->day <= last && c->hour < 24 && c->min < 60 && c->sec <= 60;
}

bool date_parse(const char *s, size_t n, int64_t now, int64_t *t)
{
	const char *end = s + n;
	struct civil c = {0};

	if (!imf_fixdate(s, end, &c) && !asctime_(s, end, &c)) {
		struct civil today;
		int weekday;

		if (!rfc850(s, end, &c))
			return false;
		split(now >= 0 && now <= DATE_MAX ? now : 0, &today, &weekday);
		c.year += today.year - today.year % 100;
		if (c.year > today.year + 50)
			c.year -= 100;
	}
	if (!in_range(&c))
		return false;
	*t = days_from_civil(c.year, c.month, c.day) * 86400 + c.hour * 3600 + c.min * 60 + c.sec;
	return true;
}
