#include "http_retry_after.h"

#include <stdbool.h>
#include <string.h>

#define SECONDS_PER_DAY 86400

/* The date as the text gives it; month 1..12, year with century. */
struct date {
    int year;
    int month;
    int day;
    int hour;
    int minute;
    int second;
};

static const char *const s_days[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                     "Friday", "Saturday", "Sunday"};
static const char *const s_months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// ---------------------------------------------------------------------------------- pieces of the text

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool take_text(const char **at, const char *text)
{
    size_t len = strlen(text);
    if (strncmp(*at, text, len) != 0) {
        return false;
    }
    *at += len;
    return true;
}

/* Exactly `count` digits. */
static bool take_digits(const char **at, int count, int *number)
{
    *number = 0;
    for (; count > 0; count--, (*at)++) {
        if (!is_digit(**at)) {
            return false;
        }
        *number = *number * 10 + (**at - '0');
    }
    return true;
}

/* The first three letters of a day, or all of them. */
static bool take_day_name(const char **at, bool whole)
{
    for (size_t i = 0; i < sizeof(s_days) / sizeof(s_days[0]); i++) {
        if (strncmp(*at, s_days[i], whole ? strlen(s_days[i]) : 3) == 0) {
            *at += whole ? strlen(s_days[i]) : 3;
            return true;
        }
    }
    return false;
}

static bool take_month(const char **at, int *month)
{
    for (int i = 0; i < 12; i++) {
        if (take_text(at, s_months[i])) {
            *month = i + 1;
            return true;
        }
    }
    return false;
}

static bool take_time(const char **at, struct date *date)
{
    return take_digits(at, 2, &date->hour) && take_text(at, ":") &&
           take_digits(at, 2, &date->minute) && take_text(at, ":") &&
           take_digits(at, 2, &date->second);
}

// --------------------------------------------------------------------------------------- three forms

/* Sun, 06 Nov 1994 08:49:37 GMT */
static bool parse_fixed(const char *at, struct date *date)
{
    return take_day_name(&at, false) && take_text(&at, ", ") && take_digits(&at, 2, &date->day) &&
           take_text(&at, " ") && take_month(&at, &date->month) && take_text(&at, " ") &&
           take_digits(&at, 4, &date->year) && take_text(&at, " ") && take_time(&at, date) &&
           take_text(&at, " GMT") && !*at;
}

/* Sunday, 06-Nov-94 08:49:37 GMT */
static bool parse_rfc850(const char *at, struct date *date)
{
    return take_day_name(&at, true) && take_text(&at, ", ") && take_digits(&at, 2, &date->day) &&
           take_text(&at, "-") && take_month(&at, &date->month) && take_text(&at, "-") &&
           take_digits(&at, 2, &date->year) && take_text(&at, " ") && take_time(&at, date) &&
           take_text(&at, " GMT") && !*at;
}

/* Sun Nov  6 08:49:37 1994 */
static bool parse_asctime(const char *at, struct date *date)
{
    return take_day_name(&at, false) && take_text(&at, " ") && take_month(&at, &date->month) &&
           take_text(&at, " ") &&
           (take_text(&at, " ") ? take_digits(&at, 1, &date->day)
                                : take_digits(&at, 2, &date->day)) &&
           take_text(&at, " ") && take_time(&at, date) && take_text(&at, " ") &&
           take_digits(&at, 4, &date->year) && !*at;
}

// --------------------------------------------------------------------------------------------- sums

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static bool exists(const struct date *date)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int length = lengths[date->month - 1] + (date->month == 2 && is_leap(date->year));
    return date->day >= 1 && date->day <= length && date->hour <= 23 && date->minute <= 59 &&
           date->second <= 60; // fact: RFC 9110, 5.6.7 allows a leap second
}

/* Seconds since 1970 in the Gregorian calendar. */
static int64_t seconds_of(const struct date *date)
{
    static const int days_before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    int64_t before = date->year - 1; // whole years since year 1
    int64_t days = date->year > 0 ? before * 365 + before / 4 - before / 100 + before / 400 : -366;
    days += days_before[date->month - 1] + (date->month > 2 && is_leap(date->year)) + date->day - 1;
    days -= 719162; // fact: days from 0001-01-01 to 1970-01-01
    return days * SECONDS_PER_DAY + date->hour * 3600 + date->minute * 60 + date->second;
}

/* fact: RFC 9110, 5.6.7: two digits that seem more than 50 years ahead mean the past. */
static void complete_year(struct date *date, time_t now)
{
    int64_t years = (int64_t)now / (SECONDS_PER_DAY * INT64_C(146097) / 400);
    int this_year = 1970 + (int)(years < -1970 ? -1970 : years > 8029 ? 8029 : years);
    date->year += this_year / 100 * 100;
    if (date->year > this_year + 50) {
        date->year -= 100;
    }
}

static bool parse_date(const char *text, time_t now, int64_t *seconds)
{
    struct date date = {0};
    if (!parse_fixed(text, &date) && !parse_asctime(text, &date)) {
        if (!parse_rfc850(text, &date)) {
            return false;
        }
        complete_year(&date, now);
    }
    if (!exists(&date)) {
        return false;
    }
    *seconds = seconds_of(&date);
    return true;
}

/* Digits only; what does not fit is the largest delay. */
static bool parse_delay(const char *text, int64_t *delay_s)
{
    int64_t delay = 0;
    if (!*text) {
        return false;
    }
    for (; is_digit(*text); text++) {
        delay = delay * 10 + (*text - '0');
        delay = delay > HTTP_RETRY_AFTER_MAX_S ? HTTP_RETRY_AFTER_MAX_S : delay;
    }
    *delay_s = delay;
    return !*text;
}

esp_err_t http_retry_after_parse(const char *text, time_t now, int64_t *delay_s)
{
    int64_t found;
    int64_t then;
    if (!text || !delay_s) {
        return ESP_ERR_INVALID_ARG;
    }
    if (!parse_delay(text, &found)) {
        if (!parse_date(text, now, &then)) {
            return ESP_ERR_INVALID_RESPONSE;
        }
        found = then <= (int64_t)now                                      ? 0
                : (uint64_t)then - (uint64_t)now > HTTP_RETRY_AFTER_MAX_S ? HTTP_RETRY_AFTER_MAX_S
                                                                          : then - (int64_t)now;
    }
    *delay_s = found;
    return ESP_OK;
}
