#include "device/device.h"
#include "support/support.h"

#include <string.h>

START_TEST(bytes_go_there_and_back)
{
    tsr_device *device = test_device();
    unsigned char data[300], back[300];
    cl_mem buffer;
    for (size_t i = 0; i < sizeof data; i++) data[i] = (unsigned char)(i * 3);
    check_ok(tsr_buffer_create(device, CL_MEM_READ_WRITE, sizeof data, "a test", &buffer));
    check_ok(tsr_buffer_write(device, buffer, 0, data, sizeof data));
    check_ok(tsr_buffer_fill(device, buffer, 10, 0xab, 5));
    memset(data + 10, 0xab, 5);
    check_ok(tsr_buffer_write(device, buffer, 100, "xyz", 3));
    memcpy(data + 100, "xyz", 3);
    check_ok(tsr_buffer_read(device, buffer, 0, back, sizeof back));
    ck_assert(memcmp(data, back, sizeof data) == 0);
    check_ok(tsr_buffer_read(device, buffer, 100, back, 3));
    ck_assert(memcmp(back, "xyz", 3) == 0);
    check_ok(tsr_buffer_read(device, buffer, 0, back, 0));
    check_ok(tsr_buffer_write(device, buffer, 0, back, 0));
    check_ok(tsr_buffer_fill(device, buffer, 0, 0, 0));
    check_fails(tsr_buffer_read(device, buffer, 299, back, 2), TSR_DEVICE, "copying from the device failed on");
    clReleaseMemObject(buffer);
}
END_TEST

START_TEST(a_part_shares_the_whole)
{
    tsr_device *device = test_device();
    size_t at = tsr_device_get_info(device)->alignment;
    char back[4] = "";
    cl_mem whole, part;
    check_ok(tsr_buffer_create(device, CL_MEM_READ_WRITE, 2 * at + 8, "a test", &whole));
    check_ok(tsr_buffer_part(device, whole, at, 8, &part));
    check_ok(tsr_buffer_write(device, part, 2, "abc", 3));
    check_ok(tsr_buffer_read(device, whole, at + 2, back, 3));
    ck_assert_str_eq(back, "abc");
    clReleaseMemObject(part);
    check_fails(tsr_buffer_part(device, whole, 2 * at, 9, &part), TSR_DEVICE, "making a part of a buffer failed");
    ck_assert(part == NULL);
    clReleaseMemObject(whole);
}
END_TEST

START_TEST(nothing_is_a_byte)
{
    cl_mem buffer;
    check_ok(tsr_buffer_create(test_device(), CL_MEM_READ_WRITE, 0, "nothing", &buffer));
    ck_assert(buffer != NULL);
    clReleaseMemObject(buffer);
}
END_TEST

START_TEST(too_much_is_refused_by_name)
{
    tsr_device *device = test_device();
    cl_mem buffer = (cl_mem)1;
    check_fails(
        tsr_buffer_create(device, CL_MEM_READ_WRITE, (size_t)device->info.max_allocation + 1, "the data set", &buffer),
        TSR_OUT_OF_MEMORY, "the data set: ");
    ck_assert(buffer == NULL);
    ck_assert(strstr(tsr_last_error(), device->info.name) != NULL);
    ck_assert(strstr(tsr_last_error(), "use a smaller batch") != NULL);
}
END_TEST

START_TEST(a_driver_that_refuses_is_reported)
{
    cl_mem buffer = (cl_mem)1;
    check_fails(tsr_buffer_create(test_device(), CL_MEM_READ_ONLY | CL_MEM_WRITE_ONLY, 8, "a test", &buffer),
                TSR_DEVICE, "allocating 8 bytes for a test failed on");
    ck_assert(buffer == NULL);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, bytes_go_there_and_back);
    tcase_add_test(tests, a_part_shares_the_whole);
    tcase_add_test(tests, nothing_is_a_byte);
    tcase_add_test(tests, too_much_is_refused_by_name);
    tcase_add_test(tests, a_driver_that_refuses_is_reported);
}

int main(void)
{
    return test_run("buffer", add_tests);
}
